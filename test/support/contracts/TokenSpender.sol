// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// Spends an owner's allowance: the payer is the owner, not this contract and not who called it.
contract TokenSpender {
    function spend(address token, address owner, address to, uint256 value) external {
        require(IToken(token).transferFrom(owner, to, value), "spending failed");
    }
}
