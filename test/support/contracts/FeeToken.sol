// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import "../../../demo/contracts/Token.sol";

/// Burns a percentage of every transfer while its Transfer log tells the whole amount.
contract FeeToken is Token {
    uint256 public immutable feePercent;

    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 feePercent_
    ) Token(name_, symbol_, decimals_) {
        feePercent = feePercent_;
    }

    function _move(address from, address to, uint256 value) internal override {
        uint256 fee = (value * feePercent) / 100;
        balanceOf[from] -= value;
        balanceOf[to] += value - fee;
        totalSupply -= fee;
        emit Transfer(from, to, value);
    }
}
