-- Run once by the image, when the volume is new: creates HummDesk's user, which is not a superuser, and its database.
\getenv password DB_PASSWORD
CREATE ROLE hummdesk LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE hummdesk OWNER hummdesk;
-- Only a superuser may create this extension.
\connect hummdesk
CREATE EXTENSION vector;
