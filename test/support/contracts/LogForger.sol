// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Emits Transfer logs whose topics and data equal a real token's, byte for byte, while nothing moves.
contract LogForger {
    event Transfer(address indexed from, address indexed to, uint256 value);

    function forge(address from, address to, uint256 value) external {
        emit Transfer(from, to, value);
    }
}
