"""From a lender's own records to a scenario: estimates with their intervals, tested out of time."""
