"""What people have, read: text in any encoding, workbooks, Parquet, packed or not, as columns of one kind."""
