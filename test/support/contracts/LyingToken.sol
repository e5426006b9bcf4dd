// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import "../../../demo/contracts/Token.sol";

/// A token that can write any log, as often as told, while nothing moves.
contract LyingToken is Token {
    constructor(string memory name_, string memory symbol_, uint8 decimals_) Token(name_, symbol_, decimals_) {}

    function write(bytes32[] calldata topics, bytes memory data, uint256 times) external {
        bytes32[4] memory t;
        for (uint256 i = 0; i < topics.length; i++) t[i] = topics[i];
        uint256 count = topics.length;
        for (uint256 i = 0; i < times; i++) {
            assembly {
                let start := add(data, 32)
                let size := mload(data)
                switch count
                case 1 { log1(start, size, mload(t)) }
                case 2 { log2(start, size, mload(t), mload(add(t, 32))) }
                case 3 { log3(start, size, mload(t), mload(add(t, 32)), mload(add(t, 64))) }
                default { log4(start, size, mload(t), mload(add(t, 32)), mload(add(t, 64)), mload(add(t, 96))) }
            }
        }
    }
}
