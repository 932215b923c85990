"""``python -m benchmarks``: list the benchmarks."""

TEXT = """\
python -m benchmarks.frameworks   one training job in nnlite, PyTorch, Keras, JAX, scikit-learn and plain NumPy
python -m benchmarks.scaling      how nnlite's time and memory grow with the batch, the layers, the images, the threads
python -m benchmarks.kernels      nanoseconds per element of nnlite's loops, beside NumPy and the memory's bandwidth
python -m benchmarks.step         where the time of one training step goes, by the layers and by the compiled step
python -m benchmarks.codecs       bytes against quality of nnlite's codec, JPEG, WebP, JPEG 2000, AVIF, JPEG XL, PCA, DCT
python -m benchmarks.pictures     photographs, or any folder of pictures: nnlite, JPEG, WebP, JPEG 2000, AVIF, JPEG XL, PNG

Each has a manual, --help, and a short form, --quick."""

if __name__ == "__main__":
    print(TEXT)
