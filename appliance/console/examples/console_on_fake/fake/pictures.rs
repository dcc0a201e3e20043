//! Pictures that look a little like mammograms.

const WIDTH: u32 = 208;
const HEIGHT: u32 = 256;

/// The image of this number, right ones facing left; with a red surface over it when `heat`.
pub fn breast(number: usize, heat: bool) -> Vec<u8> {
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let x = if number % 4 < 2 { WIDTH - x } else { x };
            let (across, down) = (f64::from(x) / f64::from(WIDTH), f64::from(y) / f64::from(HEIGHT) - 0.5);
            let edge = 0.85 - down * down * 3.2;
            let texture = ((x * 7 + y * 13 + number as u32 * 31) % 17) as f64;
            let mass = (-((across - 0.35).powi(2) + (down - 0.05).powi(2)) * 220.0).exp();
            let grey = if across < edge { 70.0 + 60.0 * (edge - across) + texture + 100.0 * mass } else { 4.0 };
            let red =
                if heat { 190.0 * (-((across - 0.35).powi(2) + (down - 0.05).powi(2)) * 40.0).exp() } else { 0.0 };
            pixels.extend([
                (grey + red).min(255.0) as u8,
                (grey - red / 3.0).max(0.0) as u8,
                (grey - red / 2.0).max(0.0) as u8,
            ]);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    assert!(written.is_ok(), "a picture in memory can be written");
    bytes
}
