"""PostgreSQL: pool, transactions and named queries. The only package that imports psycopg."""
