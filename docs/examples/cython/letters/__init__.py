"""The Wyckoff symbols of SCOPE strings, by two routes to the same C functions."""
