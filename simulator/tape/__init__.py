"""An account tape: CSV or Parquet files and a mapping, turned to accounts as the kernel starts from them."""
