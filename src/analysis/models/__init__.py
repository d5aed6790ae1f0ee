"""Models on small frames of measures: trend, break, season, forecast."""
