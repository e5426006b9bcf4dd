// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Pays the same value many times in one transaction, from itself.
contract HundredPayer {
    receive() external payable {}

    function payEth(address wallet, uint256 times, uint256 value) external payable {
        for (uint256 i = 0; i < times; i++) {
            (bool ok, ) = wallet.call{value: value}("");
            require(ok, "payment failed");
        }
    }

    function payToken(address token, address wallet, uint256 times, uint256 value) external {
        for (uint256 i = 0; i < times; i++) {
            require(IToken(token).transfer(wallet, value), "token payment failed");
        }
    }
}
