"""What happened and what it means: the ledger and its identities, measures, statistics, comparisons."""
