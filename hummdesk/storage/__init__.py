"""PostgreSQL: pool, transactions and the named queries behind functions. Nothing else here imports psycopg."""
