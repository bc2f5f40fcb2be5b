"""The policy: every limit and coefficient of the engine, with its unit and default.

Given by the bot's settings; the engine reads nothing else of the outside.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Policy(BaseModel):
    """Sources of the formulas stand where they are used (edge, sizing, pricing, guards)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    require_tradeable: Annotated[
        bool, Field(description="open positions only on an artifact with the verdict Tradeable")
    ] = False

    spread_fraction: Annotated[Fraction, Field(description="full bid-ask spread, of price")] = (
        0.0001
    )
    slippage_fraction: Annotated[Fraction, Field(description="slippage a side, of price")] = 0.0002

    risk_per_trade_fraction: Annotated[
        Fraction, Field(description="equity lost when the stop is hit, as a fraction")
    ] = 0.0075
    max_exposure_fraction: Annotated[
        Fraction, Field(description="largest position, as a fraction of equity")
    ] = 0.3
    max_position_quote: Annotated[
        float, Field(ge=0, description="largest position in quote currency; 0 = no such limit")
    ] = 0.0
    capital_quote: Annotated[
        float, Field(ge=0, description="quote currency the bot may use; 0 = the whole balance")
    ] = 0.0
    volatility_factor_min: Annotated[Fraction, Field(description="size at high volatility")] = 0.3
    volatility_factor_max: Annotated[Fraction, Field(description="size at low volatility")] = 1.0
    target_volatility_annual: Annotated[
        Positive, Field(description="annualised volatility above which size shrinks as 1/σ")
    ] = 0.6
    kelly_cap: Annotated[Fraction, Field(description="largest multiple of full Kelly")] = 0.25
    kelly_half_trades: Annotated[
        Positive, Field(description="closed trades at which Kelly has half the weight")
    ] = 200.0
    calibration_max_age_days: Annotated[
        Positive, Field(description="older calibration data takes the Kelly part away")
    ] = 60.0
    drawdown_floor_fraction: Annotated[
        float, Field(ge=0, lt=1, description="share of peak equity at which exposure reaches 0")
    ] = 0.8
    max_drawdown_fraction: Annotated[
        Fraction, Field(description="drawdown that sells the position and halts trading")
    ] = 0.15

    discount_volatilities: Annotated[
        NotNegative, Field(description="buy discount at no confidence, in per-bar volatilities")
    ] = 0.5
    entry_max_age_fraction: Annotated[
        Fraction, Field(description="a bar closed longer ago opens nothing, as a fraction of a bar")
    ] = 0.1
    entry_patience_bars: Annotated[
        int, Field(ge=1, description="bars after which an unfilled entry is cancelled")
    ] = 1
    stop_atr: Annotated[Positive, Field(description="stop distance in ATR")] = 2.0
    reward_ratio: Annotated[Positive, Field(description="take-profit over stop distance")] = 2.0
    trailing_atr: Annotated[
        NotNegative, Field(description="trailing stop below the highest high, in ATR; 0 = none")
    ] = 0.0
    trailing_bars: Annotated[
        int, Field(ge=1, le=500, description="closed bars whose highest high counts")
    ] = 22
    trailing_step_atr: Annotated[
        NotNegative, Field(description="smallest rise that moves the trailing stop, in ATR")
    ] = 0.25
    atr_bars: Annotated[int, Field(ge=2, description="bars of the average true range")] = 14

    urgency_bearish: Annotated[NotNegative, Field(description="weight of P(bearish) − ½")] = 4.0
    urgency_drawdown: Annotated[
        NotNegative, Field(description="weight of the fall from the best close, in ATR")
    ] = 0.5
    urgency_momentum: Annotated[NotNegative, Field(description="weight of −momentum")] = 0.5
    urgency_overdue: Annotated[
        NotNegative, Field(description="weight of the time held beyond the horizon, in horizons")
    ] = 2.0
    urgency_hold: Annotated[Fraction, Field(description="urgency up to which nothing is sold")] = (
        0.7
    )
    urgency_full: Annotated[Fraction, Field(description="urgency from which all is sold")] = 0.9
    urgency_market: Annotated[
        Fraction, Field(description="urgency from which the sale is a market order")
    ] = 0.97
    smallest_exit_fraction: Annotated[
        Fraction, Field(description="smaller parts are not sold: each sale lifts the stop briefly")
    ] = 0.25
    crossing_volatilities: Annotated[
        NotNegative, Field(description="how far a full-urgency limit sale reaches below the close")
    ] = 1.0

    cooldown_bars: Annotated[NotNegative, Field(description="pause after a closed trade")] = 2.0
    cooldown_per_loss: Annotated[
        NotNegative, Field(description="lengthening per consecutive loss")
    ] = 0.5
    stop_guard_count: Annotated[int, Field(ge=1, description="stops that trigger the guard")] = 4
    stop_guard_window_bars: Annotated[int, Field(ge=1)] = 24
    stop_guard_lock_bars: Annotated[int, Field(ge=0)] = 4
