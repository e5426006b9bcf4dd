// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Does any number of calls in one transaction, in order. A call that fails is passed over, and the transaction succeeds.
contract Bundler {
    struct Step {
        address to;
        uint256 value;
        bytes data;
    }

    receive() external payable {}

    function run(Step[] calldata steps) external payable {
        for (uint256 i = 0; i < steps.length; i++) {
            (bool ok, ) = steps[i].to.call{value: steps[i].value}(steps[i].data);
            ok;
        }
    }
}
