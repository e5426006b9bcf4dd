// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint8, bool);
    function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
}

/// Provides liquidity to one Uniswap v3 pool and trades against it, with tokens of its own.
contract PoolTrader {
    IPool public immutable pool;

    constructor(IPool pool_) {
        pool = pool_;
    }

    function addLiquidity(int24 lower, int24 upper, uint128 amount) external {
        pool.mint(address(this), lower, upper, amount, "");
    }

    /// Buys or sells until the price is there, whatever that takes.
    function swapTo(uint160 sqrtPriceX96) external {
        (uint160 current, , , , , , ) = pool.slot0();
        if (current == sqrtPriceX96) return;
        pool.swap(address(this), sqrtPriceX96 < current, type(int128).max, sqrtPriceX96, "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        _pay(owed0, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _pay(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function _pay(uint256 owed0, uint256 owed1) private {
        require(msg.sender == address(pool), "not the pool");
        if (owed0 > 0) require(IToken(pool.token0()).transfer(msg.sender, owed0), "token0 not paid");
        if (owed1 > 0) require(IToken(pool.token1()).transfer(msg.sender, owed1), "token1 not paid");
    }
}
