"""A fleet's logs as Parquet files, and DuckDB over them: a program that loads, views, and a notebook."""
