"""Face detection and face landmarks, with weights that come with the package."""
