// Reduce a picture to half its size and 16 levels a channel, and count the pixels that differ from the reference.
async ([picture, reference, threshold]) => {
  const LEVEL = 17;

  async function pixelsOf(base64) {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  }

  // Each pixel is the mean of four: an edge that lies a fraction of a pixel further changes it little.
  function half({ width, height, data }) {
    const small = new ImageData(width >> 1, height >> 1);
    for (let y = 0; y < small.height; y++)
      for (let x = 0; x < small.width; x++)
        for (let channel = 0; channel < 4; channel++) {
          const at = 4 * (2 * y * width + 2 * x) + channel;
          const sum = data[at] + data[at + 4] + data[at + 4 * width] + data[at + 4 * width + 4];
          small.data[4 * (y * small.width + x) + channel] = Math.round(sum / 4 / LEVEL) * LEVEL;
        }
    return small;
  }

  async function encode(image) {
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").putImageData(image, 0, 0);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }

  function shareOfDifferent(a, b) {
    if (a.width !== b.width || a.height !== b.height) return 1;
    let different = 0;
    for (let at = 0; at < a.data.length; at += 4)
      if ([0, 1, 2].some((channel) => Math.abs(a.data[at + channel] - b.data[at + channel]) > threshold)) different++;
    return different / (a.width * a.height);
  }

  const reduced = half(await pixelsOf(picture));
  const share = reference ? shareOfDifferent(reduced, await pixelsOf(reference)) : 1;
  return [share, await encode(reduced)];
}
