-- Run once by the image, when the volume is new: creates HummDesk's database and its owner, which is not a superuser.
-- `migrate` connects as this owner, and creates the roles and the logins of the processes.
\getenv password DB_PASSWORD
CREATE ROLE hummdesk LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE hummdesk OWNER hummdesk;
-- Only a superuser may create this extension.
\connect hummdesk
CREATE EXTENSION vector;
