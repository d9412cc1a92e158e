"""What a gateway remembers with: a store with a bound in bytes, and an index of titles."""
