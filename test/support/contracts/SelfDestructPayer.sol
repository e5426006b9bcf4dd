// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Pays by ending itself: the trace shows a SELFDESTRUCT frame, no CALL.
contract SelfDestructPayer {
    receive() external payable {}

    function pay(address payable wallet) external payable {
        selfdestruct(wallet);
    }
}

/// Makes a contract that destroys itself in its own constructor: the payer has no code before, during or after.
contract SelfDestructFactory {
    function pay(address payable wallet) external payable {
        new DiesInConstructor{value: msg.value}(wallet);
    }
}

contract DiesInConstructor {
    constructor(address payable wallet) payable {
        selfdestruct(wallet);
    }
}
