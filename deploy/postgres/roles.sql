-- Who may do what in the database, for a server that is new. A superuser runs it, once, in the
-- database that is Stretto's; the passwords come from the environment.
--
-- stretto_owner          login   owns the database; migrates the schemas (`… migrate`)
-- stretto_workflow       group   what the workflow service may do: rights are in its migrations
-- stretto_monitoring     group   the same for monitoring
-- workflow, monitoring   logins  of the services: in their group, and nothing more

\set ON_ERROR_STOP on
\getenv owner_password STRETTO_POSTGRES_PASSWORD_OWNER
\getenv workflow_password STRETTO_POSTGRES_PASSWORD_WORKFLOW
\getenv monitoring_password STRETTO_POSTGRES_PASSWORD_MONITORING

create role stretto_workflow nologin;
create role stretto_monitoring nologin;
create role stretto_owner login createrole password :'owner_password';
create role workflow login password :'workflow_password' in role stretto_workflow;
create role monitoring login password :'monitoring_password' in role stretto_monitoring;
grant stretto_workflow, stretto_monitoring to stretto_owner with admin option;

select current_database() as database \gset
alter database :"database" owner to stretto_owner;
revoke all on database :"database", postgres, template1 from public;
grant connect on database :"database" to workflow, monitoring;
revoke all on schema public from public;
