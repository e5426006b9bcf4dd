// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A wallet that answers every call with the same bytes; with none, it never comes to an end.
contract OddSigner {
    bytes private answer;

    constructor(bytes memory answer_) {
        answer = answer_;
    }

    fallback() external {
        bytes memory said = answer;
        while (said.length == 0) {}
        assembly {
            return(add(said, 32), mload(said))
        }
    }
}

/// A wallet that answers, or reverts, with as many bytes as it was told to: calls cost others what they cost to read.
contract LoudSigner {
    uint256 private immutable size;
    bool private immutable reverts;

    constructor(uint256 size_, bool reverts_) {
        size = size_;
        reverts = reverts_;
    }

    fallback() external {
        uint256 said = size;
        bool isRevert = reverts;
        assembly {
            mstore(0, shl(224, 0x1626ba7e))
            if isRevert {
                revert(0, said)
            }
            return(0, said)
        }
    }
}
