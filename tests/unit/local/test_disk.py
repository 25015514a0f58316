"""How much a folder takes of the disk."""

from pathlib import Path

from services.local.disk import folder_bytes


def test_a_folder_takes_what_its_files_take_and_holes_take_nothing(tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (inside / "full").write_bytes(b"x" * 100_000)
    with (tmp_path / "reserved").open("wb") as file:
        file.truncate(10_000_000)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")

    assert 100_000 <= folder_bytes(tmp_path) < 200_000
    assert folder_bytes(tmp_path / "nowhere") == 0
