"""The sample history: four weeks of accounts payable before the redesign, and four weeks after it to be replayed."""
