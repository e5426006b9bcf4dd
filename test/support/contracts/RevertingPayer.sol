// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Pays the wallet in a frame that an enclosing frame undoes, inside a transaction that succeeds.
contract RevertingPayer {
    receive() external payable {}

    /// sender -> this -> payAndRevert -> wallet; payAndRevert reverts.
    function pay(address wallet) external payable {
        try this.payAndRevert{value: msg.value}(wallet) {
            revert("must have reverted");
        } catch {}
        _giveBack();
    }

    /// The same with three frames that end well between the payment and the one that reverts.
    function payDeep(address wallet) external payable {
        try this.descendAndRevert{value: msg.value}(wallet) {
            revert("must have reverted");
        } catch {}
        _giveBack();
    }

    /// A payment that stands beside one that is undone: only `msg.value - undone` reaches the wallet.
    function payBoth(address wallet, uint256 undone) external payable {
        try this.payAndRevert{value: undone}(wallet) {
            revert("must have reverted");
        } catch {}
        (bool ok, ) = wallet.call{value: msg.value - undone}("");
        require(ok, "payment failed");
    }

    function payToken(address token, address wallet, uint256 value) external {
        try this.payTokenAndRevert(token, wallet, value) {
            revert("must have reverted");
        } catch {}
    }

    /// The whole transaction fails (status 0) after an internal payment.
    function payAndFail(address wallet) external payable {
        _pay(wallet);
        revert("the whole transaction fails");
    }

    function payAndRevert(address wallet) external payable {
        _pay(wallet);
        revert("undone");
    }

    function descendAndRevert(address wallet) external payable {
        this.descend{value: msg.value}(wallet, 3);
        revert("undone");
    }

    function descend(address wallet, uint256 depth) external payable {
        if (depth == 0) _pay(wallet);
        else this.descend{value: msg.value}(wallet, depth - 1);
    }

    function payTokenAndRevert(address token, address wallet, uint256 value) external {
        IToken(token).transfer(wallet, value);
        revert("undone");
    }

    function _pay(address wallet) private {
        (bool ok, ) = wallet.call{value: msg.value}("");
        require(ok, "payment failed");
    }

    function _giveBack() private {
        (bool ok, ) = msg.sender.call{value: msg.value}("");
        require(ok, "giving back failed");
    }
}
