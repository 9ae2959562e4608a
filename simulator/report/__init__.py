"""What is told of a run: one HTML page with figures, a table for the terminal, Parquet tables for programs."""
