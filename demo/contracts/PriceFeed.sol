// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A Chainlink aggregator whose answer anyone can set.
contract PriceFeed {
    string public description;
    uint8 public immutable decimals;
    uint256 public constant version = 4;

    struct Round {
        int256 answer;
        uint256 updatedAt;
    }

    uint80 public latestRound;
    mapping(uint80 => Round) private rounds;

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    constructor(string memory description_, uint8 decimals_, int256 answer) {
        description = description_;
        decimals = decimals_;
        _set(answer, block.timestamp);
    }

    function setAnswer(int256 answer) external {
        _set(answer, block.timestamp);
    }

    /// Sets an answer with a given time: a stale one, or one from the future.
    function setAnswerAt(int256 answer, uint256 updatedAt) external {
        _set(answer, updatedAt);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return getRoundData(latestRound);
    }

    function getRoundData(uint80 roundId) public view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = rounds[roundId];
        require(round.updatedAt != 0, "No data present");
        return (roundId, round.answer, round.updatedAt, round.updatedAt, roundId);
    }

    function _set(int256 answer, uint256 updatedAt) private {
        latestRound += 1;
        rounds[latestRound] = Round(answer, updatedAt);
        emit AnswerUpdated(answer, latestRound, updatedAt);
    }
}
