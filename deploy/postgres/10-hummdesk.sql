-- Run by the image once, when the volume is new: HummDesk's user, who is no superuser, and the database it owns.
\getenv password DB_PASSWORD
CREATE ROLE hummdesk LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE hummdesk OWNER hummdesk;
-- pgvector: only a superuser may add it.
\connect hummdesk
CREATE EXTENSION vector;
