"""Who borrows, and on which terms: settings turned to tables."""
