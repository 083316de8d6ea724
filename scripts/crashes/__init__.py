"""Server processes that are killed, frozen and deprived of their store, and what clients remember of them."""
