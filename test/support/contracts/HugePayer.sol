// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Pays once, among calls that cost little and whose calldata fills a trace.
contract HugePayer {
    /// The trace of 4000 calls with 9000 bytes each takes 72 MB, for some 600 000 gas.
    function pay(address wallet, uint256 calls, uint256 bytesEach) external payable {
        assembly {
            for { let i := 0 } lt(i, calls) { i := add(i, 1) } { pop(call(gas(), wallet, 0, 0, bytesEach, 0, 0)) }
        }
        (bool ok, ) = wallet.call{value: msg.value}("");
        require(ok, "payment failed");
    }
}
