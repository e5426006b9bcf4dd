// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A token, as far as configuration knows, whose Transfer logs do not have the standard shape.
contract OddLogToken {
    string public constant name = "Odd";
    string public constant symbol = "ODD";
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    bytes32 private constant TRANSFER = keccak256("Transfer(address,address,uint256)");

    /// The value as a third indexed argument, no data (as ERC-721 does).
    function transferIndexed(address to, uint256 value) external {
        balanceOf[to] += value;
        bytes32 topic = TRANSFER;
        assembly {
            log4(0, 0, topic, caller(), to, value)
        }
    }

    /// Standard topics and 64 bytes of data.
    function transferLong(address to, uint256 value) external {
        balanceOf[to] += value;
        bytes32 topic = TRANSFER;
        assembly {
            mstore(0, value)
            mstore(32, value)
            log3(0, 64, topic, caller(), to)
        }
    }

    /// Standard topics and 31 bytes of data.
    function transferShort(address to, uint256 value) external {
        balanceOf[to] += value;
        bytes32 topic = TRANSFER;
        assembly {
            mstore(0, value)
            log3(0, 31, topic, caller(), to)
        }
    }

    /// Nothing indexed but the event itself.
    function transferUnindexed(address to, uint256 value) external {
        balanceOf[to] += value;
        bytes32 topic = TRANSFER;
        assembly {
            let free := mload(64)
            mstore(free, caller())
            mstore(add(free, 32), to)
            mstore(add(free, 64), value)
            log1(free, 96, topic)
        }
    }
}
