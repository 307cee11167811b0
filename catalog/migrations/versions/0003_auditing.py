"""The audit log: the fields of domain.md 7.4 as columns, sealed batches, anchors, archives, alerts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_FIELDS = ("session_id", "client_ip", "purpose_code", "grant_id", "case_no")
#: Append-only for everybody; `hub.archive_audit_batches` alone takes old, exported batches away.
_LOG = ("audit_events", "audit_chain", "audit_batches", "audit_anchors", "audit_archives")


def upgrade() -> None:
    for name in _FIELDS:
        op.add_column('audit_events', sa.Column(name, sa.Text(), nullable=True), schema='hub')
    op.add_column('audit_events', sa.Column('request_sm3', sa.String(length=64), nullable=True), schema='hub')
    # Events from before have transaction 0: they are final. A constant default rewrites no row and fires no trigger.
    op.add_column('audit_events', sa.Column('tx', sa.BigInteger(), server_default=sa.text('0'), nullable=False), schema='hub')
    op.execute('alter table hub.audit_events alter column tx set default txid_current()')
    op.create_index('ix_audit_events_tx', 'audit_events', ['tx'], schema='hub')
    op.create_index('ix_audit_events_ts', 'audit_events', ['ts'], schema='hub', postgresql_using='brin')
    op.create_index('ix_audit_events_subjects', 'audit_events', ['subject_key_hashes'], schema='hub',
                    postgresql_using='gin', postgresql_where=sa.text("subject_key_hashes <> '{}'::text[]"))
    op.add_column('audit_chain', sa.Column('format', sa.Integer(), server_default=sa.text('1'), nullable=False), schema='hub')
    # A foreign key would lock, and so write, every event once more when it is sealed, and needs the right to update.
    op.drop_constraint('fk_audit_chain_seq', 'audit_chain', schema='hub', type_='foreignkey')
    _tables()
    _guards()


def _tables() -> None:
    op.create_table('audit_batches',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('first_number', sa.BigInteger(), nullable=False),
    sa.Column('last_number', sa.BigInteger(), nullable=False),
    sa.Column('horizon', sa.BigInteger(), nullable=False),
    sa.Column('last_ts', sa.Text(), nullable=False),
    sa.Column('head_sm3', sa.String(length=64), nullable=False),
    sa.Column('prev_sm3', sa.String(length=64), nullable=False),
    sa.Column('batch_sm3', sa.String(length=64), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('last_number >= first_number', name=op.f('ck_audit_batches_range')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_batches')),
    sa.UniqueConstraint('last_number', name=op.f('uq_audit_batches_last_number')),
    schema='hub'
    )
    op.create_table('audit_anchors',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('batch', sa.BigInteger(), nullable=False),
    sa.Column('line', sa.Text(), nullable=False),
    sa.Column('signed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_anchors')),
    schema='hub'
    )
    op.create_index(op.f('ix_audit_anchors_day'), 'audit_anchors', ['day'], unique=False, schema='hub')
    op.create_table('audit_archives',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('last_batch', sa.BigInteger(), nullable=False),
    sa.Column('last_number', sa.BigInteger(), nullable=False),
    sa.Column('head_sm3', sa.String(length=64), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('manifest_sm3', sa.String(length=64), nullable=False),
    sa.Column('events', sa.BigInteger(), nullable=False),
    sa.Column('archived_by', sa.Text(), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tx', sa.BigInteger(), server_default=sa.text('txid_current()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_archives')),
    sa.UniqueConstraint('last_batch', name=op.f('uq_audit_archives_last_batch')),
    schema='hub'
    )
    op.create_table('audit_alerts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('actor_id', sa.Text(), nullable=False),
    sa.Column('actor_name', sa.Text(), nullable=False),
    sa.Column('dept_code', sa.Text(), nullable=True),
    sa.Column('span', sa.Text(), nullable=False),
    sa.Column('measured', sa.BigInteger(), nullable=False),
    sa.Column('allowed', sa.BigInteger(), nullable=False),
    sa.Column('event_id', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), server_default=sa.text("'open'"), nullable=False),
    sa.Column('opinion', sa.Text(), nullable=True),
    sa.Column('handled_by', sa.Text(), nullable=True),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state in ('open', 'handled')", name=op.f('ck_audit_alerts_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_alerts')),
    schema='hub'
    )
    op.create_index('uq_audit_alerts_span', 'audit_alerts', ['rule', 'actor_id', 'span'], unique=True, schema='hub')


def _guards() -> None:
    # A row may go only in the transaction in which an archive was written, and only when it is old and in that archive.
    op.execute(
        """
        create or replace function hub.refuse_change() returns trigger language plpgsql as $$
        declare
            through bigint;
        begin
            if tg_op = 'DELETE' and tg_table_name in ('audit_chain', 'audit_events') then
                select last_number into through from hub.audit_archives where tx = txid_current();
                if through is not null then
                    if tg_table_name = 'audit_chain' then
                        if (to_jsonb(old)->>'number')::bigint <= through then
                            return old;
                        end if;
                    elsif (to_jsonb(old)->>'ts')::timestamptz < now() - interval '183 days' then
                        return old;
                    end if;
                end if;
            end if;
            raise exception 'audit records are append-only' using errcode = 'insufficient_privilege';
        end $$
        """
    )
    for table in ("audit_batches", "audit_anchors", "audit_archives"):
        op.execute(
            f"create trigger {table}_append_only before update or delete on hub.{table} "
            "for each row execute function hub.refuse_change()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on hub.{table} "
            "for each statement execute function hub.refuse_change()"
        )
    op.execute(_ARCHIVE)
    op.execute("revoke all on function hub.archive_audit_batches(bigint, text, text, text, text) from public")
    # The owner keeps only what the hub needs; `shuqiao audit protect` gives the tables to a role nobody logs in as.
    for table in _LOG:
        op.execute(f"revoke all on hub.{table} from public")
        op.execute(f"revoke update, delete, truncate on hub.{table} from current_user")
    op.execute("revoke insert on hub.audit_archives from current_user")


_ARCHIVE = """
create function hub.archive_audit_batches(through bigint, head text, name text, manifest text, who text)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    batch hub.audit_batches%rowtype;
    seqs bigint[];
    since bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('shuqiao:audit-archive', 0));
    select * into batch from hub.audit_batches where number = through;
    if not found or batch.head_sm3 <> head then
        raise exception 'no such sealed batch' using errcode = 'no_data_found';
    end if;
    select coalesce(max(last_number), 0) into since from hub.audit_archives;
    if batch.last_number <= since then
        raise exception 'archived before' using errcode = 'object_not_in_prerequisite_state';
    end if;
    if batch.sealed_at >= now() - interval '183 days' or exists (
        select 1 from hub.audit_chain c join hub.audit_events e on e.seq = c.seq
        where c.number <= batch.last_number and e.ts >= now() - interval '183 days'
    ) then
        raise exception 'audit records younger than 183 days are kept' using errcode = 'insufficient_privilege';
    end if;
    if (select count(*) from hub.audit_chain c where c.number <= batch.last_number) <> batch.last_number - since then
        raise exception 'the chain has a gap' using errcode = 'data_corrupted';
    end if;
    if not exists (select 1 from hub.audit_anchors a where a.batch >= through) then
        raise exception 'no anchor covers the batch' using errcode = 'object_not_in_prerequisite_state';
    end if;
    insert into hub.audit_archives (last_batch, last_number, head_sm3, name, manifest_sm3, events, archived_by, archived_at)
    values (through, batch.last_number, head, name, manifest, batch.last_number - since, who, now());
    select array_agg(seq) into seqs from hub.audit_chain where number <= batch.last_number;
    delete from hub.audit_chain where number <= batch.last_number;
    delete from hub.audit_events where seq = any(seqs);
    return batch.last_number - since;
end $$
"""
