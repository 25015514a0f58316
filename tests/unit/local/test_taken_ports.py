"""Two runs on one machine never share a port, not even before either has opened it."""

import socket

import pytest

from services.local.ports import PortInUseError, free_port, take_port


def test_a_port_that_another_run_has_chosen_is_not_chosen_again_before_it_is_opened() -> None:
    preferred = free_port()

    first = take_port(preferred, None)
    second = take_port(preferred, None)

    assert first.number == preferred
    assert second.number != preferred
    first.release()
    second.release()


def test_a_released_port_can_be_taken_again() -> None:
    first = take_port(free_port(), None)
    first.release()

    again = take_port(1, first.number)

    assert again.number == first.number
    again.release()


def test_asking_for_a_port_that_a_stranger_listens_on_is_refused_with_what_to_do() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        number = stranger.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"port {number} is in use; choose another"):
            take_port(8080, number)

        other = take_port(number, None)
    assert other.number != number
    other.release()


def test_asking_for_port_0_takes_any_free_one() -> None:
    preferred = free_port()

    taken = take_port(preferred, 0)

    assert taken.number not in {0, preferred}
    taken.release()
