"""The account model: the mean of cells, which find what is abrupt, and of splines, which find what is gradual."""

from simulator.estimation.backtest.cells import AccountForecast, CellModel, Sample
from simulator.estimation.backtest.features import Features
from simulator.estimation.backtest.splines import Splines


class AccountModel:
    """The fitted account model; call it with features for a forecast."""

    def __init__(self, sample: Sample, n_states: int):
        """Fit both on `sample`, at least one account."""
        self.cells, self.splines = CellModel(sample, n_states), Splines(sample, n_states)

    def __call__(self, features: Features) -> AccountForecast:
        """Return the forecast of accounts with these features: utilisation is that of the cells."""
        cells = self.cells(features)
        return AccountForecast((cells.states + self.splines(features)) / 2, cells.utilisation)
