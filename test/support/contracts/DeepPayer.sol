// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Pays from the bottom of a recursion: the trace is as deep as the caller's gas allows.
contract DeepPayer {
    receive() external payable {}

    /// The payment is `depth` frames below this one.
    function pay(address wallet, uint256 depth) external payable {
        if (depth > 0) {
            this.pay{value: msg.value}(wallet, depth - 1);
            return;
        }
        (bool ok, ) = wallet.call{value: msg.value}("");
        require(ok, "payment failed");
    }

    /// The same, but the uppermost of those frames reverts in the end; this contract keeps the ETH.
    function payInVain(address wallet, uint256 depth) external payable {
        try this.payAndRevert{value: msg.value}(wallet, depth) {
            revert("must have reverted");
        } catch {}
    }

    function payAndRevert(address wallet, uint256 depth) external payable {
        this.pay{value: msg.value}(wallet, depth);
        revert("undone");
    }
}
