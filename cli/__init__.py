"""The terminal: `shuqiao <noun> <verb>`. Calls exchange alone; decides nothing about data."""
