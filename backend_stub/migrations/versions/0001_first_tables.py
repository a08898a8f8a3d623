"""The tables of the first version."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Change the tables."""
    op.create_table(
        "rcp_root",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("root_type", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "root_type"),
    )
    op.create_table(
        "pcp_provisioning",
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sub_ca1", sa.LargeBinary(), nullable=False),
        sa.Column("sub_ca2", sa.LargeBinary(), nullable=True),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("v2g_root_key_ids", sa.Text(), nullable=False),
        sa.Column("previous_pcid", sa.String(length=18), nullable=True),
        sa.Column("root_name", sa.Text(), nullable=False),
        sa.Column("root_serial", sa.String(length=40), nullable=False),
        sa.Column("root_key_id", sa.LargeBinary(), nullable=False),
        sa.Column("registered_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pcid"),
    )
    op.create_table(
        "ccp_contract",
        sa.Column("emaid", sa.String(length=15), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("receiver_key", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("not_after", sa.DateTime(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("emaid"),
    )
    with op.batch_alter_table("ccp_contract") as batch_op:
        batch_op.create_index(
            "ccp_one_default",
            ["pcid"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )
        batch_op.create_index(batch_op.f("ix_ccp_contract_pcid"), ["pcid"], unique=False)

    op.create_table(
        "ccp_bundle",
        sa.Column("emaid", sa.String(length=15), nullable=False),
        sa.Column("v2g_root_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("cps_not_after", sa.DateTime(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["emaid"], ["ccp_contract.emaid"], onupdate="CASCADE", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("emaid", "v2g_root_fingerprint"),
    )
    op.create_table(
        "oem_vehicle",
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("evccid", sa.LargeBinary(length=6), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("built_at", sa.DateTime(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("pcid"),
        sa.UniqueConstraint("evccid"),
        sa.UniqueConstraint("key_fingerprint"),
    )
    with op.batch_alter_table("oem_vehicle") as batch_op:
        batch_op.create_index(batch_op.f("ix_oem_vehicle_built_at"), ["built_at"], unique=False)

    op.create_table(
        "msp_contract",
        sa.Column("emaid", sa.String(length=15), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("reserved_at", sa.DateTime(), nullable=False),
        sa.Column("certificate_serial", sa.String(length=40), nullable=True),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.Column("not_after", sa.DateTime(), nullable=True),
        sa.Column("onboarded_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("emaid"),
    )
    with op.batch_alter_table("msp_contract") as batch_op:
        batch_op.create_index(batch_op.f("ix_msp_contract_onboarded_at"), ["onboarded_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_msp_contract_pcid"), ["pcid"], unique=False)


def downgrade() -> None:
    """Change them back."""
    with op.batch_alter_table("msp_contract") as batch_op:
        batch_op.drop_index(batch_op.f("ix_msp_contract_pcid"))
        batch_op.drop_index(batch_op.f("ix_msp_contract_onboarded_at"))

    op.drop_table("msp_contract")
    with op.batch_alter_table("oem_vehicle") as batch_op:
        batch_op.drop_index(batch_op.f("ix_oem_vehicle_built_at"))

    op.drop_table("oem_vehicle")
    op.drop_table("ccp_bundle")
    with op.batch_alter_table("ccp_contract") as batch_op:
        batch_op.drop_index(batch_op.f("ix_ccp_contract_pcid"))
        batch_op.drop_index(
            "ccp_one_default", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )

    op.drop_table("ccp_contract")
    op.drop_table("pcp_provisioning")
    op.drop_table("rcp_root")
