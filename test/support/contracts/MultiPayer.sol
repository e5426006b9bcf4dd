// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Pays several times in one transaction, each time as itself.
contract MultiPayer {
    receive() external payable {}

    function payEth(address wallet, uint256[] calldata values) public payable {
        for (uint256 i = 0; i < values.length; i++) {
            (bool ok, ) = wallet.call{value: values[i]}("");
            require(ok, "payment failed");
        }
    }

    /// The whole `msg.value` and `tokenValue` of the tokens this contract holds.
    function payEthAndToken(address wallet, address token, uint256 tokenValue) external payable {
        (bool ok, ) = wallet.call{value: msg.value}("");
        require(ok, "payment failed");
        require(IToken(token).transfer(wallet, tokenValue), "token payment failed");
    }

    /// Hands each of `payers` (MultiPayers) its value, and each pays the wallet with it: several payers, one transaction.
    function payThrough(address wallet, MultiPayer[] calldata payers, uint256[] calldata values) external payable {
        for (uint256 i = 0; i < payers.length; i++) {
            uint256[] memory one = new uint256[](1);
            one[0] = values[i];
            payers[i].payEth{value: values[i]}(wallet, one);
        }
    }
}
