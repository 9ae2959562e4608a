"""The same book as supervisors and accountants see it: five classes, stages, expected credit loss, allowances."""
