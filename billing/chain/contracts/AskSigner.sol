// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Asks a contract whether it accepts a signature as its own (ERC-1271), after `preparation` where it does not yet
/// (ERC-6492). Its creation code is run by eth_call and never deployed; the answer is one byte, 01 for yes, 00 for no,
/// whatever the contracts that are called return or revert with: of that, one word is copied and nothing else.
///
/// checkSignature.ts holds the compiled code; test/unit/chain/askSigner.test.ts compiles it again and compares.
contract AskSigner {
    /// @param question the whole call of isValidSignature
    /// @param factory zero where nothing is to be prepared
    constructor(address signer, bytes memory question, address factory, bytes memory preparation) {
        bool isAccepted = accepts(signer, question);
        if (!isAccepted && factory != address(0)) {
            assembly {
                pop(call(gas(), factory, 0, add(preparation, 32), mload(preparation), 0, 0))
            }
            isAccepted = accepts(signer, question);
        }
        assembly {
            mstore8(0, isAccepted)
            return(0, 1)
        }
    }

    function accepts(address signer, bytes memory question) private view returns (bool isAccepted) {
        assembly {
            let isAnswered := staticcall(gas(), signer, add(question, 32), mload(question), 0, 32)
            // ERC-1271's answer is one word: its own selector, padded.
            isAccepted := and(and(isAnswered, eq(returndatasize(), 32)), eq(mload(0), shl(224, 0x1626ba7e)))
        }
    }
}
