/** "Tràng Tiền" is found by "trang tien": operators type without marks when it is urgent. */
export function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase();
}
