export const loginTexts = {
  title: "Log in to Kasal",
  email: "Email",
  password: "Password",
  submit: "Log in",
  expired: "Your session has ended. Log in again to go on where you were.",
} as const;
