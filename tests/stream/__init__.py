"""The words of a media stream and the socket they travel over."""
