"""One module a dataset: its columns at the source and its clean rows. Defects are planted elsewhere."""
