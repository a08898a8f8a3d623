import pytest

from v2g.messages.iso20.common_messages import Parameter, ParameterSet
from v2g.services import ControlMode, ParameterName, int_parameter


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Parameter(name="ControlMode", int_value=2), ControlMode.DYNAMIC),
        (Parameter(name="ControlMode", short_value=1), ControlMode.SCHEDULED),
        (Parameter(name="ControlMode", byte_value=0), 0),
        (Parameter(name="ControlMode", finite_string="2"), None),
        (Parameter(name="Pricing", int_value=2), None),
    ],
)
def test_whole_numbers_whichever_type_carries_them(parameter: Parameter, value: int | None) -> None:
    found = ParameterSet(parameter_set_id=1, parameter=[parameter])
    assert int_parameter(found, ParameterName.CONTROL_MODE) == value
