// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Makes trace frames that are aimed at the wallet and carry a value while no ETH moves to it. The sender gets it all back.
contract DelegateCaller {
    function delegateCall(address wallet) external payable {
        (bool ok, ) = wallet.delegatecall("");
        require(ok, "delegatecall failed");
        _giveBack();
    }

    function callCode(address wallet) external payable {
        bool ok;
        assembly {
            ok := callcode(gas(), wallet, callvalue(), 0, 0, 0, 0)
        }
        require(ok, "callcode failed");
        _giveBack();
    }

    function staticCall(address wallet) external payable {
        (bool ok, ) = wallet.staticcall("");
        require(ok, "staticcall failed");
        _giveBack();
    }

    function _giveBack() private {
        (bool ok, ) = msg.sender.call{value: msg.value}("");
        require(ok, "giving back failed");
    }
}
