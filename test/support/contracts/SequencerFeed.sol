// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A Chainlink sequencer-uptime feed that anybody may set: answer 0 is up, 1 is down, since `startedAt`.
contract SequencerFeed {
    uint8 public constant decimals = 0;

    uint80 private round = 1;
    int256 private answer;
    uint256 private startedAt;

    constructor(int256 answer_, uint256 startedAt_) {
        answer = answer_;
        startedAt = startedAt_;
    }

    function set(int256 answer_, uint256 startedAt_) external {
        round += 1;
        answer = answer_;
        startedAt = startedAt_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (round, answer, startedAt, startedAt, round);
    }
}
