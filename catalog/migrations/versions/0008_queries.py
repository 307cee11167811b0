"""Analysts' queries, saved statements, exports"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('queries',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('login', sa.Text(), nullable=False),
    sa.Column('department_code', sa.String(length=18), nullable=True),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('sealed_sql', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('cancel_asked', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('facts', JSON, server_default=sa.text("'{}'::jsonb"), nullable=False),
    sa.Column('rows', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('error_code', sa.Text(), nullable=True),
    sa.Column('started_at', TIME, nullable=False),
    sa.Column('seen_at', TIME, nullable=False),
    sa.Column('ended_at', TIME, nullable=True),
    sa.Column('kept_until', TIME, nullable=True),
    sa.CheckConstraint("state in ('running', 'done', 'failed', 'cancelled', 'denied')", name=op.f('ck_queries_state')),
    sa.ForeignKeyConstraint(['department_code'], ['hub.departments.code'], name=op.f('fk_queries_department_code')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_queries')),
    schema='hub'
    )
    op.create_index('ix_queries_login', 'queries', ['login', 'started_at'], unique=False, schema='hub')
    op.create_index('ix_queries_kept', 'queries', ['kept_until'], unique=False, schema='hub',
                    postgresql_where=sa.text('kept_until is not null'))
    op.create_table('saved_queries',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('login', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('sealed_sql', sa.LargeBinary(), nullable=False),
    sa.Column('saved_at', TIME, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_queries')),
    sa.UniqueConstraint('login', 'name', name=op.f('uq_saved_queries_login_name')),
    schema='hub'
    )
    op.create_table('query_exports',
    sa.Column('number', sa.Text(), nullable=False),
    sa.Column('query', sa.Text(), nullable=False),
    sa.Column('login', sa.Text(), nullable=False),
    sa.Column('department_code', sa.String(length=18), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('causes', JSON, nullable=False),
    sa.Column('providers', JSON, nullable=False),
    sa.Column('steps', JSON, nullable=False),
    sa.Column('sealed_preview', sa.LargeBinary(), nullable=False),
    sa.Column('manifest', JSON, nullable=True),
    sa.Column('asked_at', TIME, nullable=False),
    sa.Column('fetch_until', TIME, nullable=True),
    sa.Column('fetched_at', TIME, nullable=True),
    sa.CheckConstraint("state in ('own_review', 'provider_review', 'approved', 'fetched', 'refused', 'ended')", name=op.f('ck_query_exports_state')),
    sa.ForeignKeyConstraint(['department_code'], ['hub.departments.code'], name=op.f('fk_query_exports_department_code')),
    sa.ForeignKeyConstraint(['query'], ['hub.queries.id'], name=op.f('fk_query_exports_query')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_query_exports')),
    schema='hub'
    )
    op.create_index(op.f('ix_query_exports_query'), 'query_exports', ['query'], unique=False, schema='hub')
    op.create_index(op.f('ix_query_exports_department_code'), 'query_exports', ['department_code'], unique=False, schema='hub')

