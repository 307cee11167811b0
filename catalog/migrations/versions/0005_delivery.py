"""Subscriptions, their batches, public signing keys"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence('delivery_serial', schema='hub')))
    op.create_table('signing_keys',
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('algorithm', sa.Text(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key_id', name=op.f('pk_signing_keys')),
    schema='hub'
    )
    op.create_table('subscriptions',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('dataset', sa.Text(), nullable=False),
    sa.Column('consumer_code', sa.String(length=18), nullable=False),
    sa.Column('grant_number', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('facts', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
    sa.Column('sealed_place', sa.LargeBinary(), nullable=False),
    sa.Column('schedule', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), server_default=sa.text("'active'"), nullable=False),
    sa.Column('delivered_version', sa.Integer(), nullable=True),
    sa.Column('delivered_grant', sa.Text(), nullable=True),
    sa.Column('full_next', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('last_sequence', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('last_batch', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind in ('table', 'folder', 'callback')", name=op.f('ck_subscriptions_kind')),
    sa.CheckConstraint("state in ('active', 'paused', 'closed')", name=op.f('ck_subscriptions_state')),
    sa.ForeignKeyConstraint(['consumer_code'], ['hub.departments.code'], name=op.f('fk_subscriptions_consumer_code')),
    sa.ForeignKeyConstraint(['dataset'], ['hub.entries.dataset'], name=op.f('fk_subscriptions_dataset')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_subscriptions')),
    schema='hub'
    )
    for column in ('consumer_code', 'dataset', 'grant_number'):
        op.create_index(op.f(f'ix_subscriptions_{column}'), 'subscriptions', [column], unique=False, schema='hub')
    op.create_table('delivery_batches',
    sa.Column('batch_no', sa.String(length=32), nullable=False),
    sa.Column('subscription_id', sa.Text(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('from_version', sa.Integer(), nullable=True),
    sa.Column('to_version', sa.Integer(), nullable=False),
    sa.Column('grant_digest', sa.Text(), nullable=False),
    sa.Column('row_count', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('manifest', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error_code', sa.Text(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('accepted', sa.BigInteger(), nullable=True),
    sa.Column('rejected', sa.BigInteger(), nullable=True),
    sa.Column('receipt', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('prepared_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind in ('full', 'changes')", name=op.f('ck_delivery_batches_kind')),
    sa.CheckConstraint("state in ('prepared', 'sending', 'sent', 'acknowledged', 'rejected', 'withdrawn')", name=op.f('ck_delivery_batches_state')),
    sa.ForeignKeyConstraint(['subscription_id'], ['hub.subscriptions.id'], name=op.f('fk_delivery_batches_subscription_id')),
    sa.PrimaryKeyConstraint('batch_no', name=op.f('pk_delivery_batches')),
    sa.UniqueConstraint('subscription_id', 'sequence', name=op.f('uq_delivery_batches_subscription_id_sequence')),
    schema='hub'
    )
    op.create_index('uq_delivery_batches_open', 'delivery_batches', ['subscription_id'], unique=True, schema='hub', postgresql_where=sa.text("state in ('prepared', 'sending', 'sent')"))

